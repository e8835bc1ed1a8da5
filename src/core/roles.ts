/** Each role may do what the one before it may. */
export const roles = ["viewer", "operator", "admin"] as const;

/** `viewer` looks; `operator` changes what happens to jobs, queues and schedules; `admin` also what cannot be undone. */
export type Role = (typeof roles)[number];
