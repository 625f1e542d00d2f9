/* Gives each line of standard input a vector with an artifact's SavedModel, through TensorFlow's C
   API.

       ./embed ARTIFACT OP_LIBRARY < texts.txt > vectors.txt

   A line of it holds the numbers of one vector with tabs between.
   OP_LIBRARY is tensorflow_text's _fast_wordpiece_tokenizer.so. Exit status 2 on bad input. */

#include "common.h"

int main(int argc, char **argv) {
  if (argc != 3) fail("usage", "embed ARTIFACT OP_LIBRARY < texts.txt > vectors.txt");
  Model model = load_model(argv[1], argv[2]);
  TF_Output text = input(&model, "text"), vectors = output(&model, "sentence_embedding");

  Text lines[BATCH];
  for (int64_t count; (count = read_lines(lines));) {
    TF_Tensor *texts = strings(lines, count), *found = NULL;
    run(&model, &text, &texts, 1, &vectors, &found, 1);
    const float *numbers = TF_TensorData(found); /* (N, D) */
    int64_t size = TF_Dim(found, 1);
    for (int64_t i = 0; i < count; i++)
      for (int64_t j = 0; j < size; j++)
        printf("%.9g%c", numbers[i * size + j], j + 1 < size ? '\t' : '\n');
    free_lines(lines, count);
    free_strings(texts);
    TF_DeleteTensor(found);
  }
  free_model(&model);
  return finish();
}
