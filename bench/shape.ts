import type { Ground } from "./ground.ts";
import type { Peer } from "./peer.ts";

/** One line of the document: what is measured of each peer, in one unit. */
export interface Figure {
  /** Its name in the document: `drain-4`. */
  name: string;
  title: string;
  unit: string;
  better: "more" | "less";
  /** What Lovage is held to. */
  goals?: readonly Goal[];
}

/** A bound on Lovage's median, or on the median of its ratios to a peer. */
export interface Goal {
  /** A peer's name; left out, the bound is on the figure itself. */
  to?: string;
  sense: "least" | "most";
  bound: number;
}

/** What one peer's run in one round came to, by the figure's name. A figure that the peer does not have is left out. */
export type Readings = Readonly<Record<string, number>>;

/** A way of using a task queue, measured in rounds; in each round every peer has one run. */
export interface Shape {
  name: string;
  /** How it is measured, in one or two sentences, for the document. */
  method: string;
  figures: readonly Figure[];
  /** Names of those that run: of peers, or of variants of Lovage. */
  peers: readonly string[];
  /** The one that ratios are to. */
  baseline: string;
  /** How often everybody runs. */
  rounds: { normal: number; quick: number };
  /** Makes what all rounds share. */
  open(session: Session): Promise<OpenShape>;
}

export interface OpenShape {
  run(peer: string, round: number): Promise<Readings>;
  close(): Promise<void>;
}

/** What a shape measures with. */
export interface Session {
  readonly ground: Ground;
  readonly quick: boolean;
  /** @throws Error when there is no such peer on this machine */
  peer(name: string): Peer;
}

/** A shape whose rounds share nothing. */
export function separately(run: (peer: string, session: Session) => Promise<Readings>): Shape["open"] {
  return async (session) => ({ run: (peer) => run(peer, session), close: async () => {} });
}
