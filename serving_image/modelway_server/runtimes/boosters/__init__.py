"""What files of boosted trees say, held against itself before XGBoost or LightGBM reads them.

Both libraries follow child indices, column indices and lists of categories without a look at where they lead. Nothing
here imports either of them.
"""
