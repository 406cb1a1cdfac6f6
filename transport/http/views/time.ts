/** Times as OpenStack writes them, from ms since 1970. Nova has two forms. */

/** `2026-01-31T12:00:00Z`, of created and updated. */
export const isoSeconds = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`

/** `2026-01-31T12:00:00.123000`, of everything that Nova takes from its database as it is; UTC without saying so. */
export const isoMicros = (ms: number): string => `${new Date(ms).toISOString().slice(0, 23)}000`

export const isoMicrosOrNull = (ms: number | null): string | null => (ms === null ? null : isoMicros(ms))
