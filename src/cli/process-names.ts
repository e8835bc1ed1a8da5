const names: readonly unknown[] = ["worker", "scheduler", "dashboard", "dev"];

/** Whether a command runs a process of Lovage's that stays up until it is told to stop. */
export function isProcess(command: string | undefined): boolean {
  return names.includes(command);
}
