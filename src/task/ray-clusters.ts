import { LovageError } from "../core/errors.ts";
import { suggestion } from "../core/suggestion.ts";

/** The name of the cluster of `RAY_ADDRESS`. */
export const defaultCluster = "default";

/** How the names of clusters are written: variables are named after them, in capitals. */
export const clusterName = /^[a-z][a-z0-9_]{0,30}$/;

/**
 * The error for a name that is no cluster's.
 * @param more what is unlike the code's defaults
 */
export function unknownCluster(
  name: string,
  names: readonly string[],
  more: { cause?: unknown; retryable?: boolean } = {},
): LovageError {
  const near = suggestion(name, names);
  const meant = near === undefined ? "" : `; did you mean ${near}?`;
  return new LovageError("RAY_CLUSTER_UNKNOWN", `there is no Ray cluster ${JSON.stringify(name)}`, {
    field: "rayCluster",
    value: name,
    hint: `the workers know ${names.join(", ")}${meant}; RAY_CLUSTERS names all but default`,
    ...more,
  });
}
