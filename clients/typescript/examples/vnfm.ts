/**
 * A sample VNFM: the manager of a project's application, as fenix sees it. Copy it and put your application in.
 *
 * It registers what its instances demand of a maintenance, hears every notice, does what is asked and answers. What it
 * heard and answered is printed, a line each; README.md of clients/ says how.
 */
import { spawn } from "node:child_process";
import { parseArgs } from "node:util";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  Answer,
  Backoff,
  connect,
  InstanceAction,
  isUnknownToken,
  NoticeKind,
  patiently,
  type NoticeInstance,
  type ProjectNotice,
} from "../src/index.js";

const { values: flags } = parseArgs({
  options: {
    server: { type: "string", default: "127.0.0.1:12348" },
    project: { type: "string", default: "" },
    token: { type: "string", default: process.env["FENIX_TOKEN"] ?? "" },
    ca: { type: "string" }, // file with the certificates to trust; plain text without it
    "own-action": { type: "string" }, // id or name of the instance that is replaced instead of moved
    "on-own-action": { type: "string", default: "" }, // command that replaces it; its id is appended
  },
});
const projectId = flags.project;
const { projects, constraints, close } = connect(flags);
const callOptions = { timeoutMs: 30_000 };
let listening = false;
let registered = false;

/** Listens and answers until the maintenance is complete, through breaks of the connection. */
async function run(): Promise<void> {
  const backoff = new Backoff();
  let after = ""; // the token of the last response that was dealt with
  for (;;) {
    try {
      for await (const response of projects.watchProject({ projectId, after })) {
        backoff.reset();
        if (!listening) console.log("listening");
        listening = true;
        for (const notice of response.notices) {
          await handle(notice).catch(complain); // the session went on or is gone: others may follow
          if (notice.kind === NoticeKind.MAINTENANCE_COMPLETE) return;
        }
        after = response.token; // only now: what was not dealt with comes again
      }
      throw new ConnectError("the server ended the stream", Code.Unavailable);
    } catch (error) {
      complain(error);
      if (after && isUnknownToken(error)) {
        after = ""; // begin with the notices that are open
      } else {
        await backoff.wait(error);
      }
    }
  }
}

async function handle(notice: ProjectNotice): Promise<void> {
  const kind = NoticeKind[notice.kind];
  const instances = byName(notice.instances);
  const names = instances.map((instance) => instance.instanceName).join(", ");
  console.log(`heard ${kind}${names && `: ${names}`}`);
  const chosen = new Map<NoticeInstance, InstanceAction>();
  switch (notice.kind) {
    case NoticeKind.MAINTENANCE:
      if (!registered) await register(instances);
      break;
    case NoticeKind.SCALE_IN: {
      // Your application goes here: delete instances until this much is free, or as many as can be spared.
      const { vcpus = 0n, memoryMb = 0n, diskGb = 0n } = notice.needed ?? {};
      console.log(`would release ${vcpus} vCPU, ${memoryMb} MiB, ${diskGb} GiB`);
      break;
    }
    case NoticeKind.PREPARE_MAINTENANCE:
    case NoticeKind.PLANNED_MAINTENANCE:
      for (const instance of instances) chosen.set(instance, choose(instance));
      break;
    case NoticeKind.MAINTENANCE_COMPLETE:
      break; // Your application goes here: boot what SCALE_IN deleted.
    default:
      return; // told, not asked
  }
  const reply = {
    sessionId: notice.sessionId,
    projectId,
    kind: notice.kind,
    noticeId: notice.noticeId,
    answer: Answer.ACK,
    instanceActions: Object.fromEntries([...chosen].map(([instance, action]) => [instance.instanceId, action])),
    requestId: `${notice.sessionId}/${notice.noticeId}`,
  };
  const { counted } = await patiently(() => projects.replyProjectSession(reply, callOptions));
  const words = [...chosen].map(([instance, action]) => `, ${instance.instanceName} ${InstanceAction[action]}`);
  console.log(`answered ${kind}: ACK${words.join("")}`);
  for (const [instance, action] of chosen) {
    if (counted && action === InstanceAction.OWN_ACTION) replace(instance);
  }
}

/** Says what the instances and their group demand of every maintenance; the first notice tells which they are. */
async function register(instances: NoticeInstance[]): Promise<void> {
  const groupId = `${projectId}-group`;
  for (const { instanceId, instanceName } of instances) {
    const action = choose({ instanceId, instanceName });
    const value = { projectId, groupId, instanceName, migrationTypes: [action] };
    const request = { instanceId, demand: { case: "constraint", value } } as const;
    await patiently(() => constraints.setInstanceConstraint(request, callOptions));
    console.log(`registered ${instanceName}: ${InstanceAction[action]}`);
  }
  const value = { projectId, groupName: projectId, maxImpactedMembers: 1n };
  const request = { groupId, demand: { case: "constraint", value } } as const;
  await patiently(() => constraints.setGroupConstraint(request, callOptions));
  console.log("registered the group: at most 1 impacted");
  registered = true;
}

function choose({ instanceId, instanceName }: Pick<NoticeInstance, "instanceId" | "instanceName">): InstanceAction {
  const own = flags["own-action"];
  return own && [instanceId, instanceName].includes(own) ? InstanceAction.OWN_ACTION : InstanceAction.MIGRATE;
}

/**
 * Runs the command that makes the instance leave its host, beside the rest. Your application goes here: boot another,
 * then delete this one. When it fails, fenix sees it once the time is over.
 */
function replace({ instanceId, instanceName }: NoticeInstance): void {
  console.log(`own action: ${instanceName}`);
  const command = spawn("sh", ["-c", `${flags["on-own-action"]} "$1"`, "sh", instanceId], { stdio: ["ignore", 2, 2] });
  command.on("exit", (code) => code && console.error(`! ${instanceName} stays: exit code ${code}`));
}

function byName(instances: NoticeInstance[]): NoticeInstance[] {
  return instances.toSorted((a, b) => (a.instanceName < b.instanceName ? -1 : 1));
}

function complain(error: unknown): void {
  console.error(`! ${ConnectError.from(error).message}`);
}

await run().finally(close);
