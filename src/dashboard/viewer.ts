import { type Role, roles } from "../core/roles.ts";

export { type Role, roles } from "../core/roles.ts";

/** Who is logged in. */
export interface Viewer {
  name: string;
  role: Role;
}

export function allows({ role }: Viewer, needed: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(needed);
}
