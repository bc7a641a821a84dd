/** Stands in for Spectrum's loader of remote fonts (vite.config.ts); the font itself is in `fonts.css`. */
export function Fonts(): null {
  return null;
}
