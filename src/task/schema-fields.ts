/** As much of JSON Schema as describing an input to a person needs. */
interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  type?: string | string[];
  description?: string;
  default?: unknown;
  examples?: unknown[];
  const?: unknown;
  enum?: unknown[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema | boolean;
  additionalProperties?: Schema | boolean;
  anyOf?: Schema[];
  oneOf?: Schema[];
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
}

/** One field of an input; those of an object inside it have a path with dots. */
export interface SchemaField {
  path: string;
  type: string;
  required: boolean;
  /** Undefined where there is none. */
  default: unknown;
  description: string;
}

/** A schema may refer to itself; deeper objects are described by their type alone. */
const maxDepth = 3;

/** The fields of an input by its JSON Schema. The alternatives of a union are told as one list. */
export function describeFields(input: unknown): SchemaField[] {
  const root = input as Schema;
  const fields = new Map<string, SchemaField>();
  collect(root, root, "", true, 0, fields);
  return [...fields.values()];
}

/** An input with the fields that must be there, to be filled in. */
export function exampleInput(input: unknown): unknown {
  const root = input as Schema;
  return exampleOf(root, root, "input", 0);
}

function collect(
  root: Schema,
  schema: Schema,
  prefix: string,
  required: boolean,
  depth: number,
  into: Map<string, SchemaField>,
): void {
  const own = resolve(root, schema);
  const variants = variantsOf(own).map((variant) => resolve(root, variant));
  const objects = [own, ...variants].filter((candidate) => candidate.properties !== undefined);
  for (const object of objects) {
    for (const [name, field] of Object.entries(object.properties ?? {})) {
      const path = prefix + name;
      const everywhere = objects.every((candidate) => candidate.required?.includes(name) === true);
      const needed = required && everywhere;
      const resolved = resolve(root, field);
      const type = typeOf(root, field, 0);
      const known = into.get(path);
      if (known !== undefined) {
        if (!known.type.split(" | ").includes(type)) known.type = `${known.type} | ${type}`;
        continue;
      }
      const description = field.description ?? resolved.description ?? "";
      into.set(path, {
        path,
        type,
        required: needed,
        default: field.default ?? resolved.default,
        description,
      });
      if (depth < maxDepth) collect(root, resolved, `${path}.`, needed, depth + 1, into);
    }
  }
}

function resolve(root: Schema, schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  if (schema.$ref === "#") return root;
  const name = schema.$ref.replace("#/$defs/", "");
  return root.$defs?.[name] ?? {};
}

function variantsOf(schema: Schema): Schema[] {
  return schema.anyOf ?? schema.oneOf ?? [];
}

function typeOf(root: Schema, unresolved: Schema, depth: number): string {
  const schema = resolve(root, unresolved);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const variants = variantsOf(schema);
  if (variants.length > 0) {
    return [...new Set(variants.map((variant) => typeOf(root, variant, depth + 1)))].join(" | ");
  }
  if (Array.isArray(schema.type)) return schema.type.join(" | ");
  if (schema.type === "array" && typeof schema.items === "object" && depth < maxDepth) {
    return `list of ${typeOf(root, schema.items, depth + 1)}`;
  }
  if (schema.type === "object" && schema.properties === undefined) {
    const values = schema.additionalProperties;
    if (typeof values === "object" && depth < maxDepth) return `map to ${typeOf(root, values, depth + 1)}`;
  }
  return (schema.type ?? "any") + bounds(schema);
}

function bounds({ minimum, exclusiveMinimum, maximum }: Schema): string {
  // Every integer's schema carries the bounds of safe integers, which tell nothing.
  const told = (value: number | undefined) =>
    value !== undefined && Math.abs(value) < Number.MAX_SAFE_INTEGER;
  const parts: string[] = [];
  if (told(minimum)) parts.push(`≥ ${minimum}`);
  if (told(exclusiveMinimum)) parts.push(`> ${exclusiveMinimum}`);
  if (told(maximum)) parts.push(`≤ ${maximum}`);
  return parts.length === 0 ? "" : ` ${parts.join(" ")}`;
}

function exampleOf(root: Schema, unresolved: Schema, name: string, depth: number): unknown {
  const schema = resolve(root, unresolved);
  const given = schema.examples?.[0] ?? schema.default ?? schema.const ?? schema.enum?.[0];
  if (given !== undefined) return given;
  const [variant] = variantsOf(schema);
  if (variant !== undefined && schema.properties === undefined) return exampleOf(root, variant, name, depth);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case "object": {
      if (depth > maxDepth) return {};
      const fields = (schema.required ?? []).map((field): [string, unknown] => [
        field,
        exampleOf(root, schema.properties?.[field] ?? {}, field, depth + 1),
      ]);
      return Object.fromEntries(fields);
    }
    case "array":
      return typeof schema.items === "object" ? [exampleOf(root, schema.items, name, depth + 1)] : [];
    case "number":
    case "integer":
      return Math.max(1, schema.minimum ?? 1);
    case "boolean":
      return true;
    default:
      return `<${name}>`;
  }
}
