import type { deadLetters } from "../../contract/dead-letters.ts";
import type { DashboardParts } from "../parts.ts";
import { given, type Handlers } from "./operation-types.ts";

/** Jobs that failed for good. */
export function deadLetterHandlers({ client }: DashboardParts): Handlers<keyof typeof deadLetters> {
  return {
    async listDeadLetters({ query }) {
      const { jobs, cursor = null } = await client.deadLetters.list(given(query));
      return { jobs, cursor };
    },
    getDeadLetter: ({ params: { id }, query }) => client.deadLetters.get(id, given(query)),
    async discardDeadLetter({ params: { id }, query, caller }) {
      caller.requireFinal();
      await client.deadLetters.discard(id, given(query));
    },
  };
}
