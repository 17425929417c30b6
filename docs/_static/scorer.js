// A decision (adr/) comes after the pages that say how something is done. The numbers are those of Sphinx.
var Scorer = {
  score: ([docname, , , , score]) => (docname.startsWith("adr/") ? score - 100 : score),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
