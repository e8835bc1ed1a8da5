import { defineConfig } from "vitest/config";

/** Tests of the deploy, on real servers of the lab: they need root and Debian's Docker (test/deploy/lab/packages.txt). */
export default defineConfig({
  test: {
    include: ["test/deploy/**/*.deploy.ts"],
    globalSetup: ["test/deploy/support/global-setup.ts"],
    // All files share one server.
    maxWorkers: 1,
    testTimeout: 300_000,
    hookTimeout: 600_000,
  },
});
