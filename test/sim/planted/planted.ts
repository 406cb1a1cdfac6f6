/** A bug planted on purpose: the checkers must find it. It stands here and nowhere else; production code knows nothing of it. */
export interface Planted extends Place {
  readonly name: string
  /** What goes wrong, in a sentence. */
  readonly what: string
  /** Where else: what is guarded twice is only broken when both guards are. */
  readonly also?: readonly Place[]
}

/** The module it is planted in, from the root; what stands there, exactly once, and what is put in its place. */
export interface Place {
  readonly file: string
  readonly find: string
  readonly replace: string
}

export const placesOf = ({ file, find, replace, also = [] }: Planted): readonly Place[] => [{ file, find, replace }, ...also]
