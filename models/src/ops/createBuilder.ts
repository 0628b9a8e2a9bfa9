/** The usual way to a graph: a builder that knows every operator. */
import { GraphBuilder } from "../graph/builder";
import { operators } from "./table";

export function createBuilder(name: string): GraphBuilder {
  return new GraphBuilder(name, operators);
}
