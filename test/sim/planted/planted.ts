/** A bug planted on purpose: the checkers must find it. It stands here and nowhere else; production code knows nothing of it. */
export interface Planted {
  readonly name: string
  /** What goes wrong, in a sentence. */
  readonly what: string
  /** The module it is planted in, from the root; what stands there, exactly once, and what is put in its place. */
  readonly file: string
  readonly find: string
  readonly replace: string
}
