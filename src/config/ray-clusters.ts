import type { EnvironmentSource } from "./environment.ts";
import { type Values, variables } from "./variables.ts";

/** A Ray cluster besides the first. */
export interface RayClusterConfig {
  readonly name: string;
  readonly address: string;
  readonly token: string | undefined;
  /** PEM text. */
  readonly ca: string | undefined;
  readonly pip: readonly string[] | undefined;
  readonly expectedNodes: number;
  readonly expectedCpus: number;
  /** As its nodes see them. */
  readonly datasets: string;
  readonly models: string;
}

/** What each cluster of `RAY_CLUSTERS` may have of its own, with its name in capitals behind. */
const clusterVariables = [
  "RAY_AUTH_TOKEN",
  "RAY_CA_FILE",
  "RAY_PIP_FILE",
  "RAY_EXPECTED_NODES",
  "RAY_EXPECTED_CPUS",
  "DATASETS_DIR",
  "MODELS_DIR",
] as const satisfies (keyof typeof variables)[];

export type ClusterVariable = (typeof clusterVariables)[number];

/** The variable of a cluster's own. */
export function variableOf(name: ClusterVariable, cluster: string): string {
  return `${name}_${cluster.toUpperCase()}`;
}

/** The names of the variables that the clusters which are named may have. */
export function variablesOfClusters(sources: readonly EnvironmentSource[]): string[] {
  return clustersOf(sources).flatMap(({ name }) =>
    clusterVariables.map((variable) => variableOf(variable, name)),
  );
}

/** The clusters besides the first. Faults are told by what reads. */
export function readClusters(
  sources: readonly EnvironmentSource[],
  {
    read,
    readFile,
    folders,
  }: {
    read(name: ClusterVariable, cluster: string, fallback: string): unknown;
    readFile(name: ClusterVariable, cluster: string, path: unknown): string | undefined;
    /** Of the first. */
    folders: { datasets: string; models: string };
  },
): RayClusterConfig[] {
  return clustersOf(sources).map(({ name, address }) => {
    const own = (variable: ClusterVariable, fallback = "") => read(variable, name, fallback);
    const file = (variable: ClusterVariable) => readFile(variable, name, own(variable));
    return {
      name,
      address,
      token: own("RAY_AUTH_TOKEN") as string | undefined,
      ca: file("RAY_CA_FILE"),
      pip: requirements(file("RAY_PIP_FILE")),
      expectedNodes: own("RAY_EXPECTED_NODES", "1") as number,
      expectedCpus: own("RAY_EXPECTED_CPUS", "1") as number,
      datasets: own("DATASETS_DIR", folders.datasets) as string,
      models: own("MODELS_DIR", folders.models) as string,
    };
  });
}

/** The further clusters; none where the list itself is at fault, which is told elsewhere. */
function clustersOf(sources: readonly EnvironmentSource[]): Values["RAY_CLUSTERS"] {
  const { RAY_CLUSTERS } = variables;
  const text = sources.map((source) => source.variables["RAY_CLUSTERS"] ?? "").find((each) => each !== "");
  try {
    return RAY_CLUSTERS.read(text ?? "");
  } catch {
    return [];
  }
}

/** The requirements of a file for pip. */
export function requirements(text: string | undefined): string[] | undefined {
  return text?.split("\n").filter((line) => /^[^#\s]/.test(line));
}
