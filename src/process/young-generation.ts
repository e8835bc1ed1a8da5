import { setFlagsFromString } from "node:v8";

/**
 * Loading a program makes much garbage for a moment. A young generation that grows for it stays as large for as long as
 * the process lives: 14 MB of an idle worker, on the first start of all, when TypeScript is translated.
 */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

/** Lets it grow again, as V8 does by itself: under load a small one costs speed. */
export function letYoungGenerationGrow(): void {
  setFlagsFromString("--semi-space-growth-factor=2");
}
