import type { WorkerView } from "../../client/index.ts";
import { queueNames } from "../../task/definition.ts";
import { type Html, html } from "../html.ts";
import { ActionButton, Card, CsrfField, Table } from "../ui.ts";
import { allows, type Viewer } from "../viewer.ts";
import { workerPath } from "./list.ts";

interface ControlProps {
  worker: WorkerView;
  viewer: Viewer;
  csrfToken: string;
}

/** What may be done to the worker as a whole; null where nothing may. */
export function WorkerActions({ worker, viewer, csrfToken }: ControlProps): Html | null {
  const { name, state } = worker;
  if (!allows(viewer, "admin")) return null;
  if (state === "dead") {
    return html`<${ActionButton}
      action=${`${workerPath(name)}/forget`}
      label="Forget"
      description=${`Forget ${name}`}
      csrfToken=${csrfToken}
    />`;
  }
  if (state === "stopping") return null;
  return html`<${ActionButton}
    action=${`${workerPath(name)}/shutdown`}
    label="Stop"
    description=${`Stop ${name}`}
    confirm=${`Stop the worker ${name}? Running jobs may end; whatever started it may start it again.`}
    csrfToken=${csrfToken}
    danger
  />`;
}

/** The queues of a worker, with what an operator and an admin may do to each. */
export function QueueControls(props: ControlProps): Html {
  const { worker, viewer, csrfToken } = props;
  const acts = allows(viewer, "operator") && worker.state !== "dead";
  const admin = acts && allows(viewer, "admin");
  const unserved = queueNames.filter((name) => worker.queues.every((queue) => queue.name !== name));
  const rows = worker.queues.map(
    (queue) => html`<tr>
      <th scope="row"><a href=${`/jobs?queue=${queue.name}`}>${queue.name}</a></th>
      <td>${queue.paused ? "paused here" : "taking jobs"}</td>
      <td class="number">${queue.active}</td>
      <td>${acts ? html`<${ConcurrencyForm} ...${props} queue=${queue} />` : queue.concurrency}</td>
      <td>${acts && html`<${QueueActions} ...${props} queue=${queue} admin=${admin} />`}</td>
    </tr>`,
  );
  return html`<${Card} title="Queues" beside=${html`<${WorkerActions} ...${props} />`}>
    <${Table} caption="Queues" head=${["Queue", "State", "Active", "Concurrency", ""]} rows=${rows} empty="It serves no queue." />
    ${
      admin &&
      unserved.length > 0 &&
      html`<form method="post" action=${`${workerPath(worker.name)}/queues`} class="filter">
        <${CsrfField} token=${csrfToken} />
        <label>Further queue <select name="queue">${unserved.map((name) => html`<option>${name}</option>`)}</select></label>
        <label>Concurrency <input name="concurrency" type="number" min="1" max="1000" placeholder="as configured" /></label>
        <button type="submit">Add</button>
      </form>`
    }
    ${acts && html`<p class="hint">What is changed here holds until the worker is started again.</p>`}
  </${Card}>`;
}

type QueueProps = ControlProps & { queue: WorkerView["queues"][number] };

function ConcurrencyForm({ worker, csrfToken, queue }: QueueProps): Html {
  return html`<form method="post" action=${`${workerPath(worker.name)}/queues/${queue.name}/concurrency`} class="small">
    <${CsrfField} token=${csrfToken} />
    <input
      name="concurrency"
      type="number"
      min="1"
      max="1000"
      required
      value=${queue.concurrency}
      aria-label=${`Concurrency of ${queue.name}`}
    />
    <button type="submit" aria-label=${`Set the concurrency of ${queue.name}`}>Set</button>
  </form>`;
}

function QueueActions({ worker, csrfToken, queue, admin }: QueueProps & { admin: boolean }): Html {
  const base = `${workerPath(worker.name)}/queues/${queue.name}`;
  const [verb, label] = queue.paused ? ["resume", "Resume"] : ["pause", "Pause"];
  return html`<div class="actions">
    <${ActionButton} action=${`${base}/${verb}`} label=${label} description=${`${label} ${queue.name}`} csrfToken=${csrfToken} />
    ${
      admin &&
      html`<${ActionButton}
        action=${`${base}/remove`}
        label="Remove"
        description=${`Remove ${queue.name}`}
        confirm=${`Have ${worker.name} take no more jobs of ${queue.name}?`}
        csrfToken=${csrfToken}
        danger
      />`
    }
  </div>`;
}
