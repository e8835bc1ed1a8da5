/** What became of the jobs of a round, or of a fault's rounds together. */
export interface Books {
  /** Acknowledged, or found to exist though the call was not answered. */
  enqueued: number;
  completed: number;
  failed: number;
  cancelled: number;
  expired: number;
  /** Promised and not there: an acknowledged job that neither ended nor waits, an end or an effect that is missing. */
  lost: number;
  /** Effects more often than their promise allows. */
  doubled: number;
  /** Further figures, by name. */
  notes?: Record<string, number | string>;
}

export const noBooks: Readonly<Books> = {
  enqueued: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
  expired: 0,
  lost: 0,
  doubled: 0,
};

/** What is wrong with them; empty when they balance and nothing was lost or doubled. */
export function faultsOf(books: Books): string[] {
  const { enqueued, completed, failed, cancelled, expired, lost, doubled } = books;
  const ended = completed + failed + cancelled + expired;
  return [
    ...(lost === 0 ? [] : [`${lost} lost`]),
    ...(doubled === 0 ? [] : [`${doubled} doubled`]),
    ...(ended === enqueued ? [] : [`${enqueued} enqueued but ${ended} ended`]),
    // Books of nothing balance, and prove nothing.
    ...(enqueued === 0 ? ["nothing was enqueued"] : []),
  ];
}

/** Counts are added up; of notes that are numbers the largest stands for all rounds, of texts the last. */
export function addBooks(one: Books, other: Books): Books {
  const notes = { ...one.notes };
  for (const [name, value] of Object.entries(other.notes ?? {})) {
    const known = notes[name];
    notes[name] = typeof known === "number" && typeof value === "number" ? Math.max(known, value) : value;
  }
  return {
    enqueued: one.enqueued + other.enqueued,
    completed: one.completed + other.completed,
    failed: one.failed + other.failed,
    cancelled: one.cancelled + other.cancelled,
    expired: one.expired + other.expired,
    lost: one.lost + other.lost,
    doubled: one.doubled + other.doubled,
    ...(Object.keys(notes).length > 0 && { notes }),
  };
}
