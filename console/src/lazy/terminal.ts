/** A terminal in an element; loaded when one is opened. */
import { FitAddon } from '@xterm/addon-fit'
import { Terminal } from '@xterm/xterm'
import '@xterm/xterm/css/xterm.css'

export interface Screen {
  write(bytes: Uint8Array): void
  focus(): void
  close(): void
}

/** Lines that can be scrolled back to. */
const SCROLLBACK = 5000

export interface ScreenOptions {
  onType(text: string): void
  /** Ctrl+] is pressed, by which one gets out: all other keys are the guest's, also Tab. */
  onLeave(): void
}

export function openTerminal(box: HTMLElement, { onType, onLeave }: ScreenOptions): Screen {
  const terminal = new Terminal({
    scrollback: SCROLLBACK,
    cursorBlink: !matchMedia('(prefers-reduced-motion: reduce)').matches,
    fontFamily: 'ui-monospace, "DejaVu Sans Mono", monospace',
    fontSize: 13,
    screenReaderMode: true,
    theme: { background: '#0c1113', foreground: '#d5e0e3' },
  })
  const fit = new FitAddon()
  terminal.loadAddon(fit)
  withConstructedStyles(() => terminal.open(box))
  fit.fit()
  const resized = new ResizeObserver(() => fit.fit())
  resized.observe(box)
  terminal.onData(onType)
  terminal.attachCustomKeyEventHandler(event => {
    if (event.type !== 'keydown' || event.key !== ']' || !event.ctrlKey) return true
    event.preventDefault()
    onLeave()
    return false
  })
  return {
    write: bytes => terminal.write(bytes),
    focus: () => terminal.focus(),
    close() {
      resized.disconnect()
      terminal.dispose()
    },
  }
}

/**
 * The terminal writes its colours and sizes into <style> elements, which the policy of this page forbids, as anybody's could be. While it is
 * opened, it gets elements instead that put their text into a constructed sheet: only who already runs here can make one.
 */
function withConstructedStyles(open: () => void): void {
  const create = document.createElement.bind(document)
  // Of another name: an empty <style>, too, is against the policy.
  const patched = (name: string, options?: ElementCreationOptions): HTMLElement =>
    name === 'style' ? constructed(create('template')) : create(name, options)
  Object.defineProperty(document, 'createElement', { value: patched, configurable: true })
  try {
    open()
  } finally {
    Reflect.deleteProperty(document, 'createElement')
  }
}

function constructed(element: HTMLElement): HTMLElement {
  const sheet = new CSSStyleSheet()
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet]
  let text = ''
  const remove = element.remove.bind(element)
  return Object.defineProperties(element, {
    textContent: {
      get: () => text,
      set(css: string) {
        text = css
        sheet.replaceSync(css)
      },
    },
    remove: {
      value() {
        document.adoptedStyleSheets = document.adoptedStyleSheets.filter(each => each !== sheet)
        remove()
      },
    },
  })
}
