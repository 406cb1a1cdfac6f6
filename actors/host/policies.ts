/** What is right when belief and host differ, where a person may want a choice. Set by `reconcile.*` of the configuration. */

/** Of a guest that no instance owns. It may be older than this cluster's memory, so it is kept unless somebody says otherwise. */
export const UNKNOWN_GUESTS = ['keep', 'destroy'] as const
/** Of an instance whose guest is not on its host any more. `rebuild` makes it anew from its image; what was on its disk is gone. */
export const VANISHED_GUESTS = ['error', 'rebuild', 'ignore'] as const
/** Of room that hosts hold and instances do not have, or the other way round. `report` leaves it to `baton doctor --repair`. */
export const CLAIMS = ['repair', 'report'] as const

export interface ReconcilePolicy {
  readonly unknownGuests: (typeof UNKNOWN_GUESTS)[number]
  readonly vanishedGuests: (typeof VANISHED_GUESTS)[number]
  readonly claims: (typeof CLAIMS)[number]
}

export const RECONCILE_DEFAULTS: ReconcilePolicy = { unknownGuests: 'keep', vanishedGuests: 'error', claims: 'repair' }
