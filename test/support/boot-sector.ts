/**
 * A disk of one sector with a system for tests on it, which boots in no time: it greets on the serial line, answers a letter typed there with
 * that letter, obeys the power button, and lets go of devices when it is asked to. So much is in it, in 16-bit code:
 *
 *     print the greeting; enable the power button (port 0x602)
 *     loop: sleep until the next tick
 *           a letter has come (port 0x3fd, bit 0): send it back (port 0x3f8)
 *           devices to be unplugged (port 0xae04): let go of them (port 0xae08)
 *           power button pressed (port 0x600, bit 8)? no: loop; yes: power off (port 0x604)
 */
const GREETING = 'boot sector is up\r\n'
const LOADED_AT = 0x7c00

const CODE = [
  ...[0x31, 0xc0, 0x8e, 0xd8], // ax = 0, ds = ax
  ...[0xbe, 0, 0], // si = greeting, put in below
  ...[0xac, 0x08, 0xc0, 0x74, 0x06], // next letter; at the end: on
  ...[0xba, 0xf8, 0x03, 0xee, 0xeb, 0xf5], // out 0x3f8; again
  ...[0xfb, 0xba, 0x02, 0x06, 0xb8, 0x00, 0x01, 0xef], // interrupts on; out 0x602, 0x100
  0xf4, // loop: hlt
  ...[0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0x05], // in 0x3fd; bit 0 clear: on
  ...[0xba, 0xf8, 0x03, 0xec, 0xee], // in 0x3f8; out 0x3f8
  ...[0xba, 0x04, 0xae, 0x66, 0xed], // eax = in 0xae04
  ...[0xba, 0x08, 0xae, 0x66, 0xef], // out 0xae08, eax
  ...[0xba, 0x00, 0x06, 0xed, 0xf6, 0xc4, 0x01, 0x74, 0xdf], // in 0x600; bit 8 clear: loop
  ...[0xba, 0x04, 0x06, 0xb8, 0x00, 0x20, 0xef], // out 0x604, 0x2000
  ...[0xf4, 0xeb, 0xfd], // for ever
]

export function bootSector(greeting: string = GREETING): Buffer {
  const sector = Buffer.alloc(512)
  sector.set(CODE)
  sector.writeUInt16LE(LOADED_AT + CODE.length, 5)
  sector.write(greeting, CODE.length, 'latin1')
  sector.set([0x55, 0xaa], 510)
  return sector
}

/** Where the counter is, in memory; and, from the start of the disk, the sectors that it is written to in turn. */
export const COUNTER = { firstSector: 1, sectors: 64 } as const

/**
 * A system that counts, for tests on what moves: at each tick (18 a second) it adds one to a number in its memory, writes the number to the next
 * of 64 sectors of its disk, and prints it on its serial line as 8 hex digits. A number that was left out or comes twice tells of a guest that
 * was not carried on but begun anew, gone back, or run twice.
 */
const COUNTING = [
  ...[0x66, 0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0, 0xbc, 0x00, 0x7c], // eax, ds, es, ss = 0, sp = 0x7c00
  ...[0x66, 0xa3, 0x00, 0x7e, 0xfb], // the number at 0x7e00 = 0; interrupts on
  ...[0xf4, 0x66, 0xff, 0x06, 0x00, 0x7e], // loop: hlt; add one
  ...[0x66, 0xa1, 0x00, 0x7e, 0x66, 0x83, 0xe0, 0x3f, 0x66, 0x40, 0x66, 0xa3, 0, 0], // sector = 1 + number & 63, put in below
  ...[0xbe, 0, 0, 0xb8, 0x00, 0x43, 0xb2, 0x80, 0xcd, 0x13], // BIOS: write what the packet says, put in below
  ...[0x66, 0x8b, 0x1e, 0x00, 0x7e, 0xb9, 0x08, 0x00], // ebx = number, 8 digits
  ...[0x66, 0xc1, 0xc3, 0x04, 0x88, 0xd8, 0x24, 0x0f, 0x04, 0x30, 0x3c, 0x39, 0x76, 0x02, 0x04, 0x27], // next digit: al = its letter
  ...[0xba, 0xf8, 0x03, 0xee, 0xe2, 0xea], // out 0x3f8; next digit
  ...[0xb0, 0x0a, 0xee, 0xeb, 0xbf], // newline; loop
]
/** What the BIOS is told: one sector from 0x7e00, to the sector put in at byte 8. */
const PACKET = [0x10, 0, 1, 0, 0x00, 0x7e, 0, 0]

/**
 * Before it counts it may fill its memory from 1 MB on, 64 kB at a time, with what is in the BIOS: so much is to be sent when it moves. The BIOS
 * does it (int 0x15, 0x87), as its table says, which is put in below.
 */
const FILLING = [
  ...[0xb4, 0x87, 0xb9, 0x00, 0x80, 0xbe, 0, 0, 0xcd, 0x15], // 32 k words
  ...[0xfe, 0x06, 0, 0, 0x80, 0x3e, 0, 0, 0, 0x72, 0xeb], // where to + 64 kB; there yet?
]
/** From 0xf0000; to 0x100000. */
const TABLE = [...Array(16).fill(0), 0xff, 0xff, 0, 0, 0x0f, 0x93, 0, 0, 0xff, 0xff, 0, 0, 0x10, 0x93, 0, 0, ...Array(16).fill(0)]

/** `filledMb`: how much memory it fills before, at most 14. */
export function countingSector(filledMb: number = 0): Buffer {
  const sector = Buffer.alloc(512)
  const filling = filledMb > 0 ? FILLING : []
  const setUp = COUNTING.indexOf(0xf4)
  const code = [...COUNTING.slice(0, setUp), ...filling, ...COUNTING.slice(setUp)]
  const [packetAt, tableAt] = [0x7c00 + code.length, 0x7c00 + code.length + PACKET.length]
  sector.set([...code, ...PACKET, ...(filledMb > 0 ? TABLE : [])])
  const counting = filling.length
  sector.writeUInt16LE(packetAt + 8, counting + COUNTING.indexOf(0x40) + 3)
  sector.writeUInt16LE(packetAt, counting + COUNTING.indexOf(0xbe) + 1)
  if (filledMb > 0) {
    const to = tableAt + 0x1c
    sector.writeUInt16LE(tableAt, setUp + 6)
    sector.writeUInt16LE(to, setUp + 12)
    sector.writeUInt16LE(to, setUp + 16)
    sector.writeUInt8(0x10 + filledMb * 16, setUp + 18)
  }
  sector.set([0x55, 0xaa], 510)
  return sector
}
