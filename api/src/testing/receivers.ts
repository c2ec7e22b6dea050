import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { SMTPServer } from "smtp-server";

/** A call that a receiver got. */
export interface ReceivedCall {
  headers: Record<string, string>;
  body: string;
}

type Answer = (response: ServerResponse, call: ReceivedCall) => void;

/** A web server on this machine that is called by webhooks: it keeps every call, and answers as it is told. */
export async function startReceiver(answer: Answer = (response) => response.writeHead(204).end()) {
  const calls: ReceivedCall[] = [];
  const state = { answer };
  const server = createServer(async (request: IncomingMessage, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const headers = request.headers as Record<string, string>;
    const call = { headers, body: Buffer.concat(chunks).toString() };
    calls.push(call);
    state.answer(response, call);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return {
    calls,
    port,
    url: `http://127.0.0.1:${port}/hook`,
    answerWith: (next: Answer) => {
      state.answer = next;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

/** A mail that a server got: to whom, and its source. */
export interface ReceivedMail {
  to: string[];
  source: string;
}

/** A mail server on this machine, with an account; `refuse` names the status codes that the next mails get. */
export async function startMailServer() {
  const mails: ReceivedMail[] = [];
  const refuse: number[] = [];
  const server = new SMTPServer({
    authOptional: false,
    disabledCommands: ["STARTTLS"],
    allowInsecureAuth: true,
    onAuth: ({ username, password }, _session, done) =>
      username === "aiforge" && password === "secret"
        ? done(null, { user: username })
        : done(new Error("no")),
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const responseCode = refuse.shift();
        if (responseCode) return done(Object.assign(new Error("not now"), { responseCode }));
        const to = session.envelope.rcptTo.map(({ address }) => address);
        mails.push({ to, source: Buffer.concat(chunks).toString() });
        done();
      });
    },
  });
  const listening = server.listen(0, "127.0.0.1");
  await once(listening, "listening");
  const { port } = listening.address() as AddressInfo;
  return {
    mails,
    refuse,
    url: `smtp://aiforge:secret@127.0.0.1:${port}`,
    close: () => new Promise<void>((done) => server.close(() => done())),
  };
}
