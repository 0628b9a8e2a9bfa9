/**
 * The host's end of a panel: sends the whole state when the page says it listens, numbered changes after that, and checks everything that
 * comes from it. A hidden page is gone, so nothing is sent to it; shown again it asks for the state. What the messages mean is the
 * controller's business.
 */
import { randomBytes } from "node:crypto";
import { env, type LogOutputChannel, Uri, type Webview, type WebviewPanel } from "vscode";
import type { TypeOf } from "@iad-r1/protocol/shape";
import {
  type HostMessage,
  type Messages,
  type PanelProtocol,
  type Requests,
  readViewMessage,
  type StateOf,
} from "@iad-r1/protocol/webview";
import { webviewPage } from "@iad-r1/protocol/webviewPage";
import type { WireError } from "@iad-r1/protocol/runs";
import type { Disposable } from "../emitter";
import { sentence, wireError } from "../errors";

type AnyPanel = PanelProtocol<unknown, Messages, Messages, Requests>;
type ChangesOf<P> = P extends PanelProtocol<unknown, infer C, Messages, Requests> ? C : never;
type TellsOf<P> = P extends PanelProtocol<unknown, Messages, infer T, Requests> ? T : never;
type AsksOf<P> = P extends PanelProtocol<unknown, Messages, Messages, infer A> ? A : never;

/** What a controller does with the messages of its page. */
export interface PanelController<P> {
  snapshot(): StateOf<P>;
  tells: { [K in keyof TellsOf<P> & string]: (body: TypeOf<TellsOf<P>[K]>) => void | Promise<void> };
  asks: {
    [K in keyof AsksOf<P> & string]: (
      params: TypeOf<AsksOf<P>[K]["params"]>,
    ) => Promise<TypeOf<AsksOf<P>[K]["result"]>>;
  };
}

export class PanelHost<P extends AnyPanel> implements Disposable {
  private seq = 0;
  private isListening = false;
  private readonly subscriptions: Disposable[];

  constructor(
    private readonly panel: WebviewPanel,
    private readonly protocol: P,
    private readonly controller: PanelController<P>,
    private readonly log: LogOutputChannel,
    /** Hears of what went wrong in a handler. */
    private readonly onFailure: (error: unknown) => void,
  ) {
    this.subscriptions = [
      panel.webview.onDidReceiveMessage((value) => this.receive(value)),
      panel.onDidChangeViewState(() => {
        if (!panel.visible) this.isListening = false;
      }),
    ];
  }

  /** Loads the page. */
  show(extension: Uri, title: string): void {
    const { webview } = this.panel;
    const file = (name: string) => webview.asWebviewUri(Uri.joinPath(extension, "dist", "webview", name)).toString();
    webview.html = webviewPage({
      panel: this.protocol.name,
      title,
      locale: env.language,
      script: file(`${this.protocol.name}.js`),
      style: file("webview.css"),
      cspSource: webview.cspSource,
      nonce: randomBytes(16).toString("hex"),
    });
  }

  /** Tells the page of a change that the controller has made to its state. */
  change<K extends keyof ChangesOf<P> & string>(type: K, body: TypeOf<ChangesOf<P>[K]>): void {
    if (!this.isListening) return;
    this.seq++;
    this.post({ kind: "change", seq: this.seq, type, body });
  }

  /** Lets the page do what its own button would do. */
  command(name: P["commands"][number]): void {
    this.post({ kind: "command", name });
  }

  dispose(): void {
    this.isListening = false;
    for (const each of this.subscriptions) each.dispose();
  }

  private receive(value: unknown): void {
    const { message, fault } = readViewMessage(this.protocol, value);
    if (message === null) {
      this.log.warn(`${this.protocol.name}: a message of the page was ignored: ${fault}`);
      return;
    }
    // The check above has just made sure of the types that the generic signature cannot show.
    const known = message as
      | { kind: "ready" }
      | { kind: "resync"; reason: string }
      | { kind: "tell"; type: string; body: unknown }
      | { kind: "ask"; id: number; type: string; body: unknown };
    switch (known.kind) {
      case "resync":
        this.log.info(`${this.protocol.name}: sends its state again: ${known.reason}`);
        this.sendSnapshot();
        return;
      case "ready":
        this.sendSnapshot();
        return;
      case "tell":
        void this.tell(known.type, known.body);
        return;
      case "ask":
        void this.answer(known.id, known.type, known.body);
    }
  }

  private sendSnapshot(): void {
    this.isListening = true;
    this.post({ kind: "snapshot", seq: this.seq, state: this.controller.snapshot() });
  }

  private async tell(type: string, body: unknown): Promise<void> {
    try {
      const handler = (this.controller.tells as Record<string, (body: unknown) => void | Promise<void>>)[type];
      await handler?.call(this.controller, body);
    } catch (error) {
      this.onFailure(error);
    }
  }

  private async answer(id: number, type: string, params: unknown): Promise<void> {
    try {
      const handler = (this.controller.asks as Record<string, (params: unknown) => Promise<unknown>>)[type];
      this.post({ kind: "answer", id, body: await handler!.call(this.controller, params) });
    } catch (error) {
      this.log.warn(`${this.protocol.name}: ${type} failed: ${error instanceof Error ? error.message : String(error)}`);
      this.post({ kind: "failure", id, error: toWire(error) });
    }
  }

  private post(message: unknown): void {
    void (this.panel.webview as Webview).postMessage(message as HostMessage<P>);
  }
}

function toWire(error: unknown): WireError {
  return wireError(error) ?? { code: "editor/failed", message: sentence(error) };
}
