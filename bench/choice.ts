import type { BenchArguments } from "./arguments.ts";
import type { Shape } from "./shape.ts";

/**
 * The shapes that the command line asks for, each with the peers it asks for.
 * @throws Error naming a shape or peer that does not exist
 */
export function chosen(
  shapes: readonly Shape[],
  { only, peers }: Pick<BenchArguments, "only" | "peers">,
): Shape[] {
  const namesOf = (shape: Shape) => [shape.name, ...shape.figures.map(({ name }) => name)];
  refuseUnknown("shape", only, shapes.flatMap(namesOf));
  refuseUnknown(
    "peer",
    peers,
    shapes.flatMap((shape) => [...shape.peers]),
  );
  return shapes
    .filter((shape) => only === undefined || namesOf(shape).some((name) => only.includes(name)))
    .map((shape) => ({
      ...shape,
      peers: shape.peers.filter(
        (name) => peers === undefined || peers.includes(name) || name === shape.baseline,
      ),
    }));
}

function refuseUnknown(kind: string, names: readonly string[] = [], known: readonly string[]): void {
  const wrong = names.filter((name) => !known.includes(name));
  if (wrong.length === 0) return;
  throw new Error(`there is no ${kind} ${wrong.join(", ")}; there are ${[...new Set(known)].join(", ")}`);
}
