/** The client of fenix: the generated types are the API, `connect` gives the services. */
import { readFileSync } from "node:fs";
import { Code, ConnectError, createClient, type Client, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { ConstraintService } from "../gen/fenix/v1/constraint_service_pb.js";
import { ProjectService } from "../gen/fenix/v1/project_service_pb.js";
import { SessionService } from "../gen/fenix/v1/session_service_pb.js";

export * from "../gen/fenix/v1/constraint_service_pb.js";
export * from "../gen/fenix/v1/events_pb.js";
export * from "../gen/fenix/v1/plan_pb.js";
export * from "../gen/fenix/v1/project_service_pb.js";
export * from "../gen/fenix/v1/session_service_pb.js";
export * from "../gen/fenix/v1/types_pb.js";

/** The services of a server. */
export interface Fenix {
  /** What applications demand of every maintenance. */
  constraints: Client<typeof ConstraintService>;
  /** For managers of projects. */
  projects: Client<typeof ProjectService>;
  /** For administrators. */
  sessions: Client<typeof SessionService>;
  /** Closes the connection, without which a program does not end. */
  close(): void;
}

/** Where a server is and who is calling. */
export interface Options {
  /** Such as `127.0.0.1:12348`. */
  server: string;
  /** Goes with every call. */
  token?: string | undefined;
  /** A file with the certificates to trust; without it nothing is encrypted. */
  ca?: string | undefined;
}

/** The services of the server; it connects with the first call and again whenever needed. */
export function connect({ server, token, ca }: Options): Fenix {
  const authenticate: Interceptor = (next) => (request) => {
    if (token) request.header.set("x-auth-token", token);
    return next(request);
  };
  const baseUrl = `${ca ? "https" : "http"}://${server}`;
  // A dead server is noticed within 40 s; servers refuse clients that ping more often than every 30 s.
  const pings = { pingIntervalMs: 30_000, pingTimeoutMs: 10_000 };
  const sessionManager = new Http2SessionManager(baseUrl, pings, ca ? { ca: readFileSync(ca) } : {});
  const transport = createGrpcTransport({ baseUrl, interceptors: [authenticate], sessionManager });
  return {
    constraints: createClient(ConstraintService, transport),
    projects: createClient(ProjectService, transport),
    sessions: createClient(SessionService, transport),
    close: () => sessionManager.abort(),
  };
}

const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 5_000;
/** Errors that say "try again"; a connection that the server did not close in order arrives as Aborted or Canceled. */
const PASSING = new Set([
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.ResourceExhausted,
  Code.Aborted,
  Code.Canceled,
]);

/** Waits between tries, longer after each failure in a row. */
export class Backoff {
  #failures = 0;

  /** For a success. */
  reset(): void {
    this.#failures = 0;
  }

  /** Waits before the next try; throws the error at once when another try would not help. */
  async wait(error: unknown): Promise<void> {
    if (!PASSING.has(ConnectError.from(error).code)) throw error;
    const full = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#failures++);
    // shortened at random so that clients of a server that was away spread out
    await new Promise((resolve) => setTimeout(resolve, full * (0.5 + Math.random() / 2)));
  }
}

/** Whether an error of a watch says that its token is too old, or another server's: begin without it. */
export function isUnknownToken(error: unknown): boolean {
  return [Code.OutOfRange, Code.InvalidArgument].includes(ConnectError.from(error).code);
}

/** The response of a call that may be repeated, as soon as a server answers. */
export async function patiently<T>(call: () => Promise<T>): Promise<T> {
  const backoff = new Backoff();
  for (;;) {
    try {
      return await call();
    } catch (error) {
      await backoff.wait(error);
    }
  }
}
