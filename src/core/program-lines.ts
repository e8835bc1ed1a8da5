/** How a line for the worker begins in what a Ray program prints; `lovage_job.py` writes the same. */
export const marker = "::lovage:: ";
