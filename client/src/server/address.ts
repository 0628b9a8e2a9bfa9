/** Addresses of remote servers: what a person may type, and where the parts of a server lie. No network in here. */

/** Parts of one server, all on one port. */
export interface ServerAddress {
  /** `ws://host:port` or `wss://host:port`, as it is kept and shown. */
  base: string;
  language: string;
  stream: string;
  /** Where pictures are sent: `PUT <images><sha256>`. */
  images: string;
}

/** Reads an address; null when it is none. `gpu-host:7411` means `ws://gpu-host:7411`. */
export function parseAddress(text: string): ServerAddress | null {
  const trimmed = text.trim();
  if (trimmed === "") return null;
  let url: URL;
  try {
    url = new URL(/^[a-z]+:\/\//i.test(trimmed) ? trimmed : `ws://${trimmed}`);
  } catch {
    return null;
  }
  const secure = url.protocol === "wss:" || url.protocol === "https:";
  if (!secure && url.protocol !== "ws:" && url.protocol !== "http:") return null;
  if (url.hostname === "" || url.username !== "" || url.search !== "" || url.hash !== "") return null;
  const path = url.pathname.replace(/\/+$/, "");
  const base = `${secure ? "wss" : "ws"}://${url.host}${path}`;
  return {
    ...{ base, language: `${base}/lsp`, stream: `${base}/stream` },
    images: `${secure ? "https" : "http"}://${url.host}${path}/images/`,
  };
}

/** Whether the token would travel readable over a network: neither encrypted nor to this machine. */
export function isExposed(address: ServerAddress): boolean {
  const { protocol, hostname } = new URL(address.base);
  return protocol === "ws:" && !["localhost", "127.0.0.1", "[::1]"].includes(hostname);
}
