import { createCatalogue } from "#task";
import { ping } from "../../tasks/simple_tasks.ts";
import { nap } from "./blocking-catalogue.ts";

/** Of all our tasks it knows one: what a worker of another release may look like. */
export const catalogue = createCatalogue([ping, nap]);
