/** An administrator's watch: lists the sessions and follows one until it ends. */
import { parseArgs } from "node:util";
import { ConnectError } from "@connectrpc/connect";
import { Backoff, connect, HostProgress, isUnknownToken, patiently, SessionState, type SessionEvent } from "../src/index.js";

const { values: flags } = parseArgs({
  options: {
    server: { type: "string", default: "127.0.0.1:12348" },
    token: { type: "string", default: process.env["FENIX_TOKEN"] ?? "" },
    ca: { type: "string" }, // file with the certificates to trust; plain text without it
    session: { type: "string" }, // id of the session to follow; the newest without it
  },
});
const { sessions, close } = connect(flags);
let hosts = 0;
let done = 0;

/** Prints all sessions, oldest first; the id of the newest. */
async function list(): Promise<string> {
  let newest = "";
  let pageToken = "";
  do {
    const page = await patiently(() => sessions.listSessions({ pageToken }));
    for (const session of page.sessions) {
      console.log(`${session.sessionId}  ${SessionState[session.state]}  ${session.percentDone} %`);
      newest = session.sessionId;
    }
    pageToken = page.nextPageToken;
  } while (pageToken);
  return newest;
}

/** Prints what happens to a session from its beginning to its end, through breaks of the connection. */
async function follow(sessionId: string): Promise<void> {
  const backoff = new Backoff();
  let after = "";
  for (;;) {
    try {
      for await (const response of sessions.watchSession({ sessionId, after, follow: true })) {
        backoff.reset();
        response.events.forEach(show);
        after = response.token;
      }
      return;
    } catch (error) {
      complain(error);
      if (after && isUnknownToken(error)) after = "";
      else await backoff.wait(error);
    }
  }
}

/** Prints an event that an administrator waits for. */
function show({ event }: SessionEvent): void {
  if (event.case === "hostsSelected") {
    hosts = event.value.hosts.length;
    done = 0;
  } else if (event.case === "stateEntered") {
    const { state, host, reason } = event.value;
    console.log(`${SessionState[state]} ${host}`.trim());
    if (state === SessionState.MAINTENANCE_FAILED) console.log(`  ${reason}`);
  } else if (event.case === "hostChanged" && event.value.progress === HostProgress.MAINTENANCE_COMPLETE) {
    console.log(`${event.value.host} is done, ${++done} of ${hosts} hosts`);
  }
}

function complain(error: unknown): void {
  console.error(`! ${ConnectError.from(error).message}`);
}

async function main(): Promise<void> {
  const newest = await list();
  const sessionId = flags.session ?? newest;
  if (sessionId) await follow(sessionId);
}

await main().finally(close);
