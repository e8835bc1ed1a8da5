/** Prints .env.example from the configuration's variables; a test compares the two. */
import { type DeploymentVariable, deploymentVariables, variables } from "../src/config/index.ts";

const header = `# Every variable of Lovage, its meaning and its default. Copy to .env and edit; empty means absent.
# The process' environment wins over .env. Durations are written 30s, 15m, 2h, 1d.
`;
const deployment = `
# ---- Deployment: what only Compose and the scripts that deploy read. Processes leave these alone.
`;

function entries(listed: Record<string, Pick<DeploymentVariable, "meaning" | "fallback" | "secret">>) {
  return Object.entries(listed).map(([name, { meaning, fallback, secret }]) =>
    [`# ${meaning}`, ...(secret ? ["# (secret)"] : []), `#${name}=${fallback}`].join("\n"),
  );
}

process.stdout.write(
  [header, ...entries(variables), deployment, ...entries(deploymentVariables)].join("\n\n").concat("\n"),
);
