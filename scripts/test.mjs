/** Runs the test suite that needs nothing but Node. */
import { runVitest } from "./runVitest.mjs";

process.exit(runVitest("test", process.argv.slice(2)));
