/** The screen of a guest in an element, by noVNC; loaded when one is opened. */
import RFB from '@novnc/novnc'

export interface GuestScreen {
  focus(): void
  ctrlAltDel(): void
  close(): void
}

export interface GuestScreenOptions {
  /** Called when the first picture may come. */
  onOpen(): void
  /** Called once, unless it was closed from here. */
  onClosed(why: string): void
}

export function openScreen(box: HTMLElement, url: string, { onOpen, onClosed }: GuestScreenOptions): GuestScreen {
  const socket = new WebSocket(url, 'binary')
  let isOver = false
  let why = 'the connection broke, or was refused'
  // noVNC does not tell why a connection was closed.
  socket.addEventListener('close', ({ reason }) => {
    why = reason || why
  })
  const rfb = new RFB(box, socket, { shared: true })
  rfb.scaleViewport = true
  rfb.background = '#0c1113'
  rfb.addEventListener('connect', onOpen)
  rfb.addEventListener('disconnect', () => {
    if (!isOver) onClosed(why)
    isOver = true
  })
  return {
    focus: () => rfb.focus(),
    ctrlAltDel: () => rfb.sendCtrlAltDel(),
    close() {
      if (!isOver) rfb.disconnect()
      isOver = true
    },
  }
}
