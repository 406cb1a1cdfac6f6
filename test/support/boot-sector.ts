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
