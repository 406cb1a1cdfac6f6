/**
 * What a terminal's driver does in its cooked mode (termios: ICANON, ECHO, ONLCR), for guests whose console is a pipe: what is typed is
 * shown, can be mended while the line is not sent, and reaches the guest line by line. There is no job control: ^C gives up the line, and no
 * signal is sent. Pure.
 */

/** As long as a line of a terminal may be (N_TTY has 4096, of which a guest that reads slowly is spared most). */
const MAX_LINE_BYTES = 1024

const [ETX, BACKSPACE, TAB, LF, CR, NAK, ESC, DEL] = [0x03, 0x08, 0x09, 0x0a, 0x0d, 0x15, 0x1b, 0x7f]
const RUB_OUT = [0x08, 0x20, 0x08]
const BELL = 0x07

export interface LineDiscipline {
  /** What typed bytes show on the screen, and what they send to the guest. */
  type(bytes: Uint8Array): { readonly echo: Uint8Array; readonly send: Uint8Array }
  /** What the guest writes, as a screen takes it. */
  show(bytes: Uint8Array): Uint8Array
}

export function createLineDiscipline(): LineDiscipline {
  let line: number[] = []
  /** Within an escape sequence, which an arrow key sends: it is swallowed. */
  let sequence: 'none' | 'begun' | 'within' = 'none'
  let shownLast = 0
  let typedLast = 0

  /** A character of UTF-8 goes whole: its last byte, and those that lead up to it. */
  function rubOut(echo: number[]): void {
    if (line.length === 0) return
    while (line.length > 0 && ((line.pop() ?? 0) & 0xc0) === 0x80);
    echo.push(...RUB_OUT)
  }

  function isSwallowed(byte: number): boolean {
    if (sequence === 'begun') sequence = byte === 0x5b || byte === 0x4f ? 'within' : 'none'
    else if (sequence === 'within') sequence = byte >= 0x40 && byte <= 0x7e ? 'none' : 'within'
    else return false
    return true
  }

  return {
    type(bytes) {
      const echo: number[] = []
      const send: number[] = []
      for (const byte of bytes) {
        const before = typedLast
        typedLast = byte
        if (isSwallowed(byte)) continue
        if (byte === LF && before === CR) continue
        if (byte === CR || byte === LF) {
          send.push(...line, LF)
          echo.push(CR, LF)
          line = []
        } else if (byte === DEL || byte === BACKSPACE) rubOut(echo)
        else if (byte === NAK) while (line.length > 0) rubOut(echo)
        else if (byte === ETX) {
          line = []
          echo.push(0x5e, 0x43, CR, LF)
        } else if (byte === ESC) sequence = 'begun'
        else if (byte < 0x20 && byte !== TAB) continue
        else if (line.length >= MAX_LINE_BYTES) echo.push(BELL)
        else {
          line.push(byte)
          echo.push(byte)
        }
      }
      return { echo: Uint8Array.from(echo), send: Uint8Array.from(send) }
    },
    show(bytes) {
      const shown: number[] = []
      for (const byte of bytes) {
        if (byte === LF && shownLast !== CR) shown.push(CR)
        shown.push(byte)
        shownLast = byte
      }
      return Uint8Array.from(shown)
    },
  }
}
