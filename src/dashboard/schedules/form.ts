import { LovageError } from "../../core/errors.ts";
import { parseJson } from "../../core/json.ts";
import { overlapPolicies, type ScheduleOptions } from "../../task/schedule.ts";
import { type Html, html } from "../html.ts";
import { Card, CsrfField } from "../ui.ts";

/** Makes a schedule that no task declares. */
export function CreateForm({ tasks, csrfToken }: { tasks: readonly string[]; csrfToken: string }): Html {
  return html`<${Card} title="Make a schedule">
    <form method="post" action="/schedules" class="filter">
      <${CsrfField} token=${csrfToken} />
      <label>Task <select name="task" required>${tasks.map((name) => html`<option>${name}</option>`)}</select></label>
      <label>Name <input name="name" maxlength="200" placeholder="the task's" autocomplete="off" /></label>
      <label>Every <input name="every" placeholder="1h" autocomplete="off" /></label>
      <label>or cron <input name="cron" placeholder="0 2 * * *" autocomplete="off" /></label>
      <label>Time zone of cron <input name="timeZone" placeholder="UTC" autocomplete="off" /></label>
      <label>
        While its job runs
        <select name="overlap">${overlapPolicies.map((policy) => html`<option selected=${policy === "skip"}>${policy}</option>`)}</select>
      </label>
      <label>
        Missed times
        <select name="missed">
          <option value="once">run once</option>
          <option value="skip">skip</option>
          <option value="within">catch up within …</option>
        </select>
      </label>
      <label>… so long <input name="within" placeholder="6h" autocomplete="off" /></label>
      <label>Times in all <input name="limit" type="number" min="1" placeholder="without end" /></label>
      <label>Jitter <input name="jitter" placeholder="none" autocomplete="off" /></label>
      <label>Input (JSON) <input name="input" placeholder="{}" autocomplete="off" /></label>
      <button type="submit" class="primary">Make</button>
    </form>
  </${Card}>`;
}

/**
 * What the form says; fields that were left empty are left out. The rest is checked by whoever makes the schedule.
 * @throws LovageError `INPUT_INVALID` when the input is no JSON
 */
export function readCreateForm(body: Readonly<Record<string, unknown>>): {
  task: string;
  options: ScheduleOptions;
} {
  const text = (name: string) => (typeof body[name] === "string" ? body[name].trim() : "");
  const given = (name: string) => (text(name) === "" ? {} : { [name]: text(name) });
  const options: Record<string, unknown> = {
    ...given("name"),
    ...given("every"),
    ...given("cron"),
    ...given("timeZone"),
    ...given("overlap"),
    ...given("jitter"),
    ...(text("limit") !== "" && { limit: Number(text("limit")) }),
    ...(text("missed") !== "" && {
      missed: text("missed") === "within" ? { within: text("within") } : text("missed"),
    }),
    ...(text("input") !== "" && { input: readInput(text("input")) }),
  };
  return { task: text("task"), options: options as ScheduleOptions };
}

function readInput(text: string): unknown {
  const input = parseJson(text);
  if (input !== undefined) return input;
  throw new LovageError("INPUT_INVALID", "the input is no JSON", {
    field: "input",
    value: text,
    hint: 'write it as {"field": "value"}; texts and field names stand in double quotes',
  });
}
