export const queueNames = ["ml", "data", "default"] as const;

/** The queues there are; every task has one. */
export type QueueName = (typeof queueNames)[number];
