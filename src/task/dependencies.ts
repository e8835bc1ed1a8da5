/**
 * What a deployment gives its tasks besides what Lovage does: database pools, clients, caches. Declared by the
 * deployment, and made once when a worker starts:
 * @example
 * declare module "lovage/tasks" { interface Dependencies { db: Pool } }
 */
// biome-ignore lint/suspicious/noEmptyInterface: a deployment adds to it
export interface Dependencies {}
