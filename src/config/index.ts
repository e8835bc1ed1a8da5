export { type Config, loadConfig, type RayClusterConfig } from "./config.ts";
export { type DeploymentVariable, deploymentVariables } from "./deployment-variables.ts";
export { type EnvironmentSource, environmentSources } from "./environment.ts";
export { publicConfig } from "./public-config.ts";
export { type VariableName, variables } from "./variables.ts";
