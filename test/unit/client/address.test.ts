import { isExposed, parseAddress } from "@iad-r1/client/server/address";
import { describe, expect, test } from "vitest";

describe("address of a server", () => {
  test.each([
    ["gpu-host:7411", "ws://gpu-host:7411"],
    [" ws://gpu-host:7411/ ", "ws://gpu-host:7411"],
    ["http://gpu-host:7411", "ws://gpu-host:7411"],
    ["https://gpu.example/iad", "wss://gpu.example/iad"],
    ["[::1]:7411", "ws://[::1]:7411"],
  ])("%s means %s", (typed, base) => {
    expect(parseAddress(typed)?.base).toBe(base);
  });

  test.each(["", "   ", "ftp://host", "ws://", "ws://user:secret@host:1", "ws://host/?token=x", "not an address"])(
    "%j is none",
    (typed) => {
      expect(parseAddress(typed)).toBeNull();
    },
  );

  test("the parts of a server lie on one port", () => {
    expect(parseAddress("wss://host:9/a")).toEqual({
      base: "wss://host:9/a",
      language: "wss://host:9/a/lsp",
      stream: "wss://host:9/a/stream",
      images: "https://host:9/a/images/",
    });
  });

  test("only an unencrypted way to another machine is exposed", () => {
    const exposed = (typed: string) => isExposed(parseAddress(typed)!);
    expect(exposed("ws://gpu-host:7411")).toBe(true);
    expect(exposed("wss://gpu-host:7411")).toBe(false);
    expect(exposed("ws://127.0.0.1:7411")).toBe(false);
    expect(exposed("ws://[::1]:7411")).toBe(false);
  });
});
