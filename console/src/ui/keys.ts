/** Keys that mean something everywhere, and those of the list that is shown. */
import { signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'

export const paletteIsOpen = signal(false)
export const helpIsOpen = signal(false)

export interface ListKeys {
  readonly move: (by: number) => void
  readonly open: () => void
}

let list: ListKeys | undefined

/** The list that j, k and Enter move in, while the component is there. */
export function useListKeys(keys: ListKeys): void {
  const current = useRef(keys)
  current.current = keys
  useEffect(() => {
    const own: ListKeys = {
      move: (by) => current.current.move(by),
      open: () => current.current.open(),
    }
    list = own
    return () => {
      if (list === own) list = undefined
    }
  }, [])
}

export function listenToKeys(): () => void {
  addEventListener('keydown', onKey)
  return () => removeEventListener('keydown', onKey)
}

function onKey(event: KeyboardEvent): void {
  const isCommand = event.ctrlKey || event.metaKey
  if (isCommand && event.key.toLowerCase() === 'k') {
    event.preventDefault()
    helpIsOpen.value = false
    paletteIsOpen.value = !paletteIsOpen.value
    return
  }
  if (isCommand || event.altKey || isWritten(event.target)) return
  if (document.querySelector('dialog[open]')) return
  if (event.key === '?') helpIsOpen.value = true
  else if (event.key === '/') focusFilter()
  else if (event.key === 'j') list?.move(1)
  else if (event.key === 'k') list?.move(-1)
  else if (event.key === 'Enter' && !isPressed(event.target)) list?.open()
  else return
  event.preventDefault()
}

function isWritten(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches('input, textarea, select, [contenteditable]')
}

/** Enter means something to it already. */
function isPressed(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches('a, button, summary')
}

function focusFilter(): void {
  document.querySelector<HTMLInputElement>('[data-filter]')?.focus()
}
