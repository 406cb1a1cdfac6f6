/** Bytes on their way between a node and the image store: cut into pieces, several under way at once, never more than that in memory. */
import { PIECE_BYTES } from '../../actors/kernel/image-store.ts'

/** Pieces of one stream that are under way at once. */
const WINDOW = 4
/** A piece may wait this long for a conductor: longer than a take-over and a short absence of the database, ms. */
export const PIECE_MS = 60_000

export type StoreCall = (image: string, method: string, args: object, timeoutMs: number) => Promise<unknown>

/** Cuts what comes in whatever sizes into pieces of one size; the last is smaller. `take` gives a buffer of that size. */
export async function* inPieces(
  body: AsyncIterable<Uint8Array>,
  sizeBytes: number = PIECE_BYTES,
  take: () => Uint8Array = () => Buffer.allocUnsafe(sizeBytes),
): AsyncGenerator<Uint8Array> {
  let piece = take()
  let filled = 0
  for await (const chunk of body) {
    for (let at = 0; at < chunk.length; ) {
      const length = Math.min(chunk.length - at, sizeBytes - filled)
      piece.set(chunk.subarray(at, at + length), filled)
      filled += length
      at += length
      if (filled < sizeBytes) continue
      yield piece
      // The last one may still be on its way: each is a buffer of its own.
      piece = take()
      filled = 0
    }
  }
  if (filled > 0) yield piece.subarray(0, filled)
}

/**
 * Does `act` for each item, with at most so many under way, and waits for all. What goes wrong first is what it rejects with; then
 * nothing more is taken.
 */
export async function withWindow<T>(items: AsyncIterable<T>, act: (item: T) => Promise<unknown>, window: number = WINDOW): Promise<void> {
  const running = new Set<Promise<void>>()
  let fault: { readonly error: unknown } | null = null
  for await (const item of items) {
    const mine: Promise<void> = act(item)
      .then(
        () => {},
        error => {
          fault ??= { error }
        },
      )
      .finally(() => running.delete(mine))
    running.add(mine)
    if (running.size >= window) await Promise.race(running)
    if (fault) break
  }
  await Promise.all(running)
  if (fault) throw (fault as { readonly error: unknown }).error
}

/** Sends a stream as one upload from `offset` on; answers with the offset behind its end. `onSent` hears how far it is. */
export async function sendPieces(
  call: StoreCall,
  { image, upload, offset = 0 }: { readonly image: string; readonly upload: string; readonly offset?: number },
  body: AsyncIterable<Uint8Array>,
  onSent: (bytes: number) => void = () => {},
): Promise<number> {
  let end = offset
  // Each buffer is filled again when its piece was answered: as many as are under way do for all of the stream.
  const free: Uint8Array[] = []
  const take = (): Uint8Array => free.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES)
  async function* placed() {
    for await (const bytes of inPieces(body, PIECE_BYTES, take)) {
      yield { bytes, offset: end }
      end += bytes.length
    }
  }
  await withWindow(placed(), async piece => {
    await call(image, 'write', { image, upload, ...piece }, PIECE_MS)
    onSent(piece.bytes.length)
    if (piece.bytes.length === PIECE_BYTES) free.push(piece.bytes)
  })
  return end
}

/** Bytes `from` to before `to` of a blob, in order, the next few asked for while one is used. */
export async function* readPieces(
  call: StoreCall,
  {
    image,
    from,
    to,
    ...more
  }: { readonly image: string; readonly upload: string; readonly instance?: string; readonly from: number; readonly to: number },
): AsyncGenerator<Uint8Array> {
  const ahead: Promise<unknown>[] = []
  let asked = from
  const ask = (): void => {
    if (asked >= to) return
    const length = Math.min(PIECE_BYTES, to - asked)
    const piece = call(image, 'read', { image, ...more, offset: asked, length }, PIECE_MS)
    // Whoever stops reading early leaves some behind.
    piece.catch(() => {})
    ahead.push(piece)
    asked += length
  }
  for (let i = 0; i < WINDOW; i++) ask()
  for (let piece = ahead.shift(); piece; piece = ahead.shift()) {
    const bytes = await piece
    if (!(bytes instanceof Uint8Array)) throw new Error(`a piece of image ${image} came as ${typeof bytes}`)
    ask()
    yield bytes
  }
}
