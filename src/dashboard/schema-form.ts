import { LovageError } from "../core/errors.ts";
import { type Html, html } from "./html.ts";
import { parseField } from "./json-field.ts";

/** A field of a form that a task's JSON Schema makes. */
interface SchemaField {
  name: string;
  kind: "text" | "number" | "integer" | "boolean" | "choice" | "json";
  required: boolean;
  description: string;
  /** What is taken when it is left empty, as JSON. */
  fallback: string | undefined;
  /** Of a choice, as JSON. */
  values: readonly string[];
}

interface Schema {
  type?: unknown;
  enum?: unknown;
  const?: unknown;
  default?: unknown;
  description?: unknown;
  properties?: Record<string, Schema>;
  required?: unknown;
}

/** In front of the names of an input's fields, beside those of options. */
const prefix = "input.";

/** The fields of an object's schema; undefined for a schema that is no plain object: then JSON is typed. */
export function fieldsOf(schema: unknown): SchemaField[] | undefined {
  const { type, properties, required } = (schema ?? {}) as Schema;
  if (type !== "object" || properties === undefined) return undefined;
  const needed = Array.isArray(required) ? required : [];
  return Object.entries(properties).map(([name, property]) => ({
    name,
    kind: kindOf(property),
    // What has a default need not be given, whatever the list says.
    required: needed.includes(name) && property.default === undefined,
    description: typeof property.description === "string" ? property.description : "",
    fallback: property.default === undefined ? undefined : JSON.stringify(property.default),
    values: Array.isArray(property.enum) ? property.enum.map((value) => JSON.stringify(value)) : [],
  }));
}

function kindOf({ type, enum: values }: Schema): SchemaField["kind"] {
  if (Array.isArray(values)) return "choice";
  if (type === "string") return "text";
  return type === "number" || type === "integer" || type === "boolean" ? type : "json";
}

/**
 * The input that a form's fields say; a field left empty is left out.
 * @throws LovageError `INPUT_INVALID` for JSON or a number that is none
 */
export function readInput(
  fields: readonly SchemaField[],
  body: Record<string, unknown>,
): Record<string, unknown> {
  const input: Record<string, unknown> = {};
  for (const { name, kind } of fields) {
    const text = String(body[prefix + name] ?? "");
    if (text === "") continue;
    if (kind === "text") input[name] = text;
    else if (kind === "number" || kind === "integer") input[name] = toNumber(name, text);
    else input[name] = parseField(name, text);
  }
  return input;
}

function toNumber(field: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value)) return value;
  throw new LovageError("INPUT_INVALID", `${JSON.stringify(text)} is no number`, { field });
}

/** What the fields hold for an input that is there already; undefined where one does not fit into them. */
export function fillFields(
  fields: readonly SchemaField[],
  input: unknown,
): Record<string, string> | undefined {
  if (typeof input !== "object" || input === null || Array.isArray(input)) return undefined;
  const names = new Set(fields.map(({ name }) => name));
  const filled: Record<string, string> = {};
  for (const [name, value] of Object.entries(input)) {
    if (!names.has(name)) return undefined;
    const kind = fields.find((field) => field.name === name)?.kind;
    filled[prefix + name] = kind === "text" && typeof value === "string" ? value : JSON.stringify(value);
  }
  return filled;
}

export function SchemaFields(props: {
  fields: readonly SchemaField[];
  values: Record<string, unknown>;
  fault: { field: string | undefined; text: string } | undefined;
}): Html {
  const { fields, values, fault } = props;
  return html`${fields.map((field) => {
    // A fault within an object is shown at the object.
    const wrong = fault?.field?.split(".")[0] === field.name;
    const id = `fault-${field.name}`;
    return html`<label>
      <span>${field.name}${field.required ? " *" : ""}</span>
      <${Control} field=${field} value=${String(values[prefix + field.name] ?? "")} wrong=${wrong ? id : undefined} />
      ${field.description !== "" && html`<span class="hint">${field.description}</span>`}
      ${wrong && html`<span class="fault" id=${id} role="alert">${fault?.text}</span>`}
    </label>`;
  })}` as unknown as Html;
}

function Control(props: { field: SchemaField; value: string; wrong: string | undefined }): Html {
  const { field, value, wrong } = props;
  const { name, kind, fallback, values, required } = field;
  const common = {
    name: prefix + name,
    required,
    ...(wrong !== undefined && { "aria-invalid": "true", "aria-describedby": wrong }),
  };
  const empty = fallback === undefined ? (required ? "" : "not given") : `default: ${fallback}`;
  if (kind === "choice" || kind === "boolean") {
    return html`<select ...${common}>
      <option value="" selected=${value === ""}>${empty}</option>
      ${(kind === "boolean" ? ["true", "false"] : values).map(
        (one) => html`<option value=${one} selected=${one === value}>${one}</option>`,
      )}
    </select>`;
  }
  if (kind === "json")
    return html`<textarea ...${common} rows="4" placeholder=${empty === "" ? "JSON" : `JSON; ${empty}`} spellcheck=${false}>${value}</textarea>`;
  const numeric = kind !== "text" && { inputmode: "decimal" };
  return html`<input ...${common} ...${numeric} value=${value} placeholder=${empty} autocomplete="off" />`;
}
