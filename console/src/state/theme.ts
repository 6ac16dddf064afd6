/** Dark, light, or as the system has it. */
import { effect, signal } from '@preact/signals'

export type Theme = 'system' | 'dark' | 'light'

const place = 'kafka-do.theme'

function kept(): Theme {
  const found = localStorage.getItem(place)
  return found === 'dark' || found === 'light' ? found : 'system'
}

export const theme = signal<Theme>(kept())

effect(() => {
  document.documentElement.dataset.theme = theme.value
  localStorage.setItem(place, theme.value)
})

const next: { readonly [from in Theme]: Theme } = { system: 'dark', dark: 'light', light: 'system' }

export function switchTheme(): void {
  theme.value = next[theme.value]
}
