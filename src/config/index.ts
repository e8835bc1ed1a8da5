export { type Config, loadConfig } from "./config.ts";
export { type DeploymentVariable, deploymentVariables } from "./deployment-variables.ts";
export { type EnvironmentSource, environmentSources } from "./environment.ts";
export { publicConfig } from "./public-config.ts";
export type { RayClusterConfig } from "./ray-clusters.ts";
export { type VariableName, variables } from "./variables.ts";
