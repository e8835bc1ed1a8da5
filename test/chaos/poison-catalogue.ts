/** The real tasks as they are called, which do nothing; and the load's own. */

import * as z from "zod";
import { createCatalogue, defineTask } from "#task";
import { catalogue as real } from "#tasks";
import { entry } from "./ledger-catalogue.ts";

const harmless = real.tasks.map(({ name, queue, input }) =>
  defineTask({ name, queue, input, output: z.null(), retry: { attempts: 1 }, run: async () => null }),
);

export const catalogue = createCatalogue([entry, ...harmless]);
