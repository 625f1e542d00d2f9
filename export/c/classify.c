/* Classifies standard input line by line with an artifact's SavedModel, through TensorFlow's C API.

       ./classify ARTIFACT OP_LIBRARY < texts.txt > labels.txt

   A line of it is the label and, in the order of the manifest's `labels`, the probability of each,
   with tabs between; of a regression the numbers alone. Of a classifier of pairs an input line holds two texts with a tab between.
   OP_LIBRARY is tensorflow_text's _fast_wordpiece_tokenizer.so. Exit status 2 on bad input. */

#include "common.h"

/* Ends each line at its tab; what follows the tab. `first` is the number of the first line. */
static void split(Text *lines, Text *others, int64_t first, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    char *end = lines[i].start + lines[i].size, *tab = memchr(lines[i].start, '\t', lines[i].size);
    if (!tab || memchr(tab + 1, '\t', end - tab - 1)) {
      char where[40];
      snprintf(where, sizeof where, "line %lld", (long long)(first + i));
      fail(where, "expected two texts with one tab between them");
    }
    others[i] = (Text){tab + 1, end - tab - 1};
    lines[i].size = tab - lines[i].start;
  }
}

int main(int argc, char **argv) {
  if (argc != 3) fail("usage", "classify ARTIFACT OP_LIBRARY < texts.txt > labels.txt");
  Model model = load_model(argv[1], argv[2]);
  int takes_pairs = has_input(&model, "text_pair");
  TF_Output inputs[2] = {input(&model, "text")};
  if (takes_pairs) inputs[1] = input(&model, "text_pair");
  int has_label = has_output(&model, "label"); /* a regression has none */
  TF_Output outputs[2] = {output(&model, has_label ? "probabilities" : "scores")};
  if (has_label) outputs[1] = output(&model, "label");

  Text lines[BATCH], others[BATCH];
  int64_t first = 1;
  for (int64_t count; (count = read_lines(lines)); first += count) {
    if (takes_pairs) split(lines, others, first, count);
    TF_Tensor *values_in[2] = {strings(lines, count)}, *found[2] = {NULL, NULL};
    if (takes_pairs) values_in[1] = strings(others, count);
    run(&model, inputs, values_in, 1 + takes_pairs, outputs, found, 1 + has_label);
    const float *scores = TF_TensorData(found[0]);                         /* (N, C) */
    const TF_TString *labels = has_label ? TF_TensorData(found[1]) : NULL; /* (N,) */
    int64_t number = TF_Dim(found[0], 1);
    for (int64_t i = 0; i < count; i++) {
      if (has_label) print_string(&labels[i]);
      for (int64_t j = 0; j < number; j++)
        printf("%s%.6f", j || has_label ? "\t" : "", scores[i * number + j]);
      putchar('\n');
    }
    free_lines(lines, count);
    for (int i = 0; i <= takes_pairs; i++) free_strings(values_in[i]);
    TF_DeleteTensor(found[0]);
    if (has_label) free_strings(found[1]);
  }
  free_model(&model);
  return finish();
}
