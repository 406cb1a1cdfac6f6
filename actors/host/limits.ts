/** Guests one host may report, and rows one look at a host may read. */
export const HOST_ROW_LIMIT = 10_000
