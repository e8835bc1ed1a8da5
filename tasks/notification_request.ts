import * as z from "zod";
import { notificationChannels } from "#task";

export const NotificationRequest = z.strictObject({
  /** The same id is sent once over each channel, within seven days. Default: the job's id. */
  id: z
    .string()
    .regex(/^[A-Za-z0-9_.:-]{1,128}$/, "not an id: use up to 128 letters, digits, _, -, : and dots")
    .optional(),
  /** One line. */
  subject: z.string().regex(/^[^\r\n]{1,200}$/, "not a subject: use one line of up to 200 characters"),
  message: z.string().min(1).max(20_000),
  channels: z.array(z.enum(notificationChannels)).min(1).default(["log"]),
  level: z.enum(["info", "warn", "error"]).default("info"),
  /** Further facts, for machines. */
  fields: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])).default({}),
});

/** What a channel sends. */
export type Notification = Omit<z.output<typeof NotificationRequest>, "id" | "channels"> & { id: string };
