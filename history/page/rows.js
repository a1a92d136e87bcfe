/*
 * The rows of the table of views. Rows that stay keep their element, so nothing
 * under the pointer or the focus is replaced.
 */

import { address, cell, clockText, drawing, element, titleOf } from './parts.js';

const FRESH_MS = 6000; /* as long as the tint in the style sheet */

/* ---- Words ---- */

const timeFormat = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const dateFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const fullFormat =
  new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });

function dayText(date) {
  const midnight = (d) => new Date(d.getFullYear(), d.getMonth(), d.getDate());
  const days = Math.round((midnight(new Date()) - midnight(date)) / 86400000);
  return ['today', 'yesterday'][days] ?? dateFormat.format(date);
}

const UUID =
  /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/* A UUID by its last group: the first ones of a UUIDv7 are its time, which
 * many viewers have in common. */
export function viewerText(userId) {
  return UUID.test(userId) ? `…${userId.slice(-8)}` : userId;
}

const nameOf = (view) => view.video?.id ?? view.videoPath ?? '';

/* What a row is called where it is spoken of. */
export const viewText = (view) => {
  const date = new Date(view.viewedAt);
  return `${titleOf(nameOf(view))}, ${dayText(date)} ${timeFormat.format(date)}`;
};

/* ---- Cells ---- */

function filterLink(className, text, parameters, title) {
  const link = element('a', className, text);
  link.href = address('/', parameters);
  link.title = title;
  return link;
}

/* Only that video's views. */
export const videoLink = (className, id) =>
  filterLink(className, titleOf(id), { videoId: id }, `Only views of ${id}`);

function videoCell(view) {
  const id = view.video?.id;
  const content = id === undefined
    ? element('span', 'cut', titleOf(nameOf(view))) : videoLink('cut', id);
  const made = cell('th', 'rowheader', 'video', content);
  made.scope = 'row';
  return made;
}

function viewerCell(view) {
  if (view.userId === undefined)
    return cell('td', 'cell', 'viewer plain', 'not known');
  return cell('td', 'cell', 'viewer',
    filterLink('cut who', viewerText(view.userId), { userId: view.userId },
      `Only views by ${view.userId}`));
}

function whenCell(view) {
  const text = view.viewedAt ?? view.receivedAt ?? '';
  const date = new Date(text);
  if (Number.isNaN(date.getTime()))
    return cell('td', 'cell', 'when plain', text || 'not known');
  const time = element('time', '', timeFormat.format(date), ' ',
    element('span', 'day', dayText(date)));
  time.dateTime = text;
  time.title = fullFormat.format(date);
  return cell('td', 'cell', 'when', time);
}

function farCell(view) {
  const { position, duration } = view;
  if (typeof position !== 'number') {
    const word = view.rule === 'bytes' ? 'downloaded' : 'not known';
    return cell('td', 'cell', 'howfar plain', word);
  }
  const far = element('div', 'far', element('span', '', clockText(position)));
  if (typeof duration === 'number' && duration > 0) {
    far.firstChild.append(' ', element('span', 'of',
      `of ${clockText(duration)}`));
    far.append(progressBar(position, duration));
  }
  return cell('td', 'cell', 'howfar', far);
}

/* Hidden from those who hear the words that stand beside it. */
export function progressBar(position, duration) {
  const bar = element('progress');
  bar.max = duration;
  bar.value = Math.min(position, duration);
  bar.setAttribute('aria-hidden', 'true');
  return bar;
}

/* A button with a cross, and its words for those who do not see it. */
export function crossButton(words) {
  const button = element('button', 'cross',
    drawing('svg', { viewBox: '0 0 16 16', 'aria-hidden': 'true' },
      drawing('path', { d: 'M4 4l8 8M12 4l-8 8' })));
  button.type = 'button';
  button.title = words;
  button.setAttribute('aria-label', words);
  return button;
}

function removeCell(view) {
  return cell('td', 'cell', 'remove',
    crossButton(`Remove the view of ${viewText(view)}`));
}

/* ---- Rows ---- */

function rowOf(view) {
  const row = cell('tr', 'row', '', videoCell(view), whenCell(view),
    farCell(view), viewerCell(view), removeCell(view));
  row.dataset.id = view._id;
  row.dataset.words = viewText(view);
  return row;
}

/* "today" becomes "yesterday" while the page is open. */
function renewDay(row) {
  const day = row.querySelector('.day');
  if (day === null) return;
  const text = dayText(new Date(row.querySelector('time').dateTime));
  if (day.textContent !== text) day.textContent = text;
}

function markFresh(row) {
  row.classList.add('fresh');
  setTimeout(() => row.classList.remove('fresh'), FRESH_MS);
}

/* Brings the table's body to these views. Returns how many came. */
export function showRows(body, views, tellFresh) {
  const kept = new Map();
  for (const row of body.children) kept.set(row.dataset.id, row);
  let came = 0;
  let at = body.firstElementChild;
  for (const view of views) {
    let row = kept.get(view._id);
    kept.delete(view._id);
    if (row === undefined) {
      row = rowOf(view);
      came++;
      if (tellFresh) markFresh(row);
    } else {
      renewDay(row);
    }
    if (row === at) at = at.nextElementSibling;
    else body.insertBefore(row, at);
  }
  for (const row of kept.values()) row.remove();
  return came;
}
