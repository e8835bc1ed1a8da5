import { defineConfig } from "vitest/config";

/** What needs packages that a laptop may lack; CI installs them. */
const ofCi = process.env["CI"] === undefined ? [] : ["test/**/*.ci.ts"];

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts", "examples/**/*.test.ts", ...ofCi],
    globalSetup: ["test/support/global-setup.ts"],
    typecheck: { enabled: true, include: ["test/types/**/*.test-d.ts"], tsconfig: "tsconfig.json" },
    // Most files wait for the one Ray they share; more at once only make each other late.
    maxWorkers: 2,
    testTimeout: 90_000,
    hookTimeout: 90_000,
  },
});
