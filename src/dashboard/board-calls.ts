import type { Client } from "../client/index.ts";
import { LovageError } from "../core/errors.ts";
import type { EnqueueOptions } from "../queue/enqueue-options.ts";
import type { TaskManifest, TaskTypes } from "../task/catalogue.ts";
import type { QueueName } from "../task/definition.ts";

/** What Bull Board's form for a new job sends. */
export interface BoardForm {
  name?: unknown;
  data?: unknown;
  options?: unknown;
}

/**
 * Enqueues what was written into Bull Board's form, as safely as any call: the input is checked, and the task's policy
 * holds. The form takes `{ task, input }`; a copy of a job comes with its name and the input alone.
 * @throws LovageError as the client's `enqueue`
 */
export async function enqueueForm(client: Client<TaskTypes>, queue: QueueName, form: BoardForm) {
  const { task, input } = readCall(form);
  const handle = await client.enqueue(task, input, { ...(await readOptions(client, queue, form)), queue });
  return { id: handle.id, task };
}

function readCall({ name, data }: BoardForm): { task: string; input: unknown } {
  // What Bull Board sends where no name was written.
  if (typeof name === "string" && name !== "" && name !== "__default__") return { task: name, input: data };
  const { task, input = {} } = (data ?? {}) as { task?: unknown; input?: unknown };
  if (typeof task === "string") return { task, input };
  throw new LovageError("INPUT_INVALID", "no task is named", {
    field: "task",
    hint: 'write { "task": "tasks.simple_tasks.ping", "input": {} } as the job\'s data',
  });
}

/** Of BullMQ's options those that a call of Lovage has as well. */
async function readOptions(
  client: Client<TaskTypes>,
  queue: QueueName,
  { options }: BoardForm,
): Promise<EnqueueOptions> {
  const { priority, delay, attempts, jobId, backoff, ...others } = (options ?? {}) as Record<string, unknown>;
  const [stranger] = Object.keys(others).filter((name) => !ownOptions.includes(name));
  const foreign = backoff !== undefined && (backoff as { type?: unknown }).type !== "task";
  if (stranger !== undefined || foreign) {
    const field = stranger ?? "backoff";
    throw new LovageError("INPUT_INVALID", `the option ${field} is not for jobs of Lovage`, {
      field,
      hint: "use priority, delay, attempts and jobId",
    });
  }
  // A copy of a job brings that job's id along.
  const taken = typeof jobId === "string" && (await isThere(client, queue, jobId));
  return {
    ...(priority !== undefined && { priority: priority as number }),
    ...(delay !== undefined && { delay: delay as number }),
    ...(attempts !== undefined && { attempts: attempts as number }),
    ...(jobId !== undefined && !taken && { id: jobId as string }),
  };
}

/** What Lovage and BullMQ write into a job's options by themselves. */
const ownOptions = ["parent", "timestamp", "telemetry", "deduplication", "prevMillis", "repeatJobKey"];

async function isThere(client: Client<TaskTypes>, queue: QueueName, id: string): Promise<boolean> {
  try {
    await client.get(id, { queue });
    return true;
  } catch (error) {
    if (error instanceof LovageError && error.code === "JOB_NOT_FOUND") return false;
    throw error;
  }
}

/** The JSON Schema of a call of any task of a queue, for the form: it completes and checks as one types. */
export function formSchema(tasks: readonly TaskManifest[], queue: string): object {
  const calls = tasks.filter((task) => task.queue === queue);
  const [first] = calls;
  if (first === undefined) return {};
  return {
    default: { task: first.name, input: {} },
    oneOf: calls.map(({ name, description, input }) => ({
      type: "object",
      title: name,
      description,
      properties: { task: { const: name, description }, input },
      required: ["task", "input"],
      additionalProperties: false,
    })),
  };
}
