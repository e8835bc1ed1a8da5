/** Each role may do what the one before it may. */
export const roles = ["viewer", "operator", "admin"] as const;

/** `viewer` looks; `operator` changes what happens to jobs, queues and schedules; `admin` also what cannot be undone. */
export type Role = (typeof roles)[number];

/** Who is logged in. */
export interface Viewer {
  name: string;
  role: Role;
}

export function allows({ role }: Viewer, needed: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(needed);
}
