export type { CliDoors, CliKeys, DevCommandOptions, WorkerCommandOptions } from "./doors.ts";
export { exitCodes } from "./exit-codes.ts";
export { isProcess } from "./process-names.ts";
export { runCli } from "./program.ts";
export type { Installation as CliInstallation } from "./smoke/installation.ts";
