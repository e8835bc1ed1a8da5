import { defineConfig } from "vitest/config";

/** Tests that drive a real browser: apart from the others, for not every machine has Chromium. */
export default defineConfig({
  test: {
    include: ["test/browser/**/*.browser.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    // Each file starts a browser of its own.
    maxWorkers: 1,
    testTimeout: 60_000,
    hookTimeout: 90_000,
  },
});
